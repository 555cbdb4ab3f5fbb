"""Eye trackers, a file each: dialled when they are opened, and believed for the samples that come."""
