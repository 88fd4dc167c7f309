"""The maker's workshop: fits the constants to published rows and proves them; not run by users."""
