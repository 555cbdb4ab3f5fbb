"""The page of the study: its sections, figures and pictures, and the numbers of the slides that stand beside."""
