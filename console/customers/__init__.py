"""Who is on the line: the customer, what they bought, like and refused, and the signals that follow."""
