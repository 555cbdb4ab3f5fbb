"""Sensitivity of single images at single sites, and whether it grows with epsilon: section 2, Figure 3."""
