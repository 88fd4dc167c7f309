"""What slides are made of: native charts, boxes that nothing overflows."""
