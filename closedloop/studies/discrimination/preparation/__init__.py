"""An experiment before anybody is asked: its images, its order, and the folder that a browser or a rig shows."""
