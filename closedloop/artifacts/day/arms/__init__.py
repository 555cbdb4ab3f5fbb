"""What a day has of arms: what each made, what every model says of every image, and what the sites did."""
