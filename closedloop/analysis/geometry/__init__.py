"""What responses on a plane of images say of their surface of equal response, and which numbers go with which."""
