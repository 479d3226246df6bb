"""What pages say and draw, from what the selectors read."""
