"""Who asks for NOFREE pages: UMA zones, `kmem_malloc()`, objects; and how they give them back."""
