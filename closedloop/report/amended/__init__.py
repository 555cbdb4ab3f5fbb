"""What people's decisions make of the pages: what is said of them, and which days may stand side by side."""
