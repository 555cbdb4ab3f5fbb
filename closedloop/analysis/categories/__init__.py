"""Category preference: which categories a site answers most and least, and when an attack brings it there."""
