"""What the rig's own pages share: figures as SVG text, and how they look. Nothing is fetched from anywhere."""
