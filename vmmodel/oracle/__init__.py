"""FreeBSD's own answers, operation by operation, and the model's beside them."""
