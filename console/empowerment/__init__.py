"""What may be given: limits by role, and the decision whether a gesture is inside them."""
