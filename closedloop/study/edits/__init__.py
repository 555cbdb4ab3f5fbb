"""What a person edited in a study that is under way: taken where nothing recorded depends on it, else refused."""
