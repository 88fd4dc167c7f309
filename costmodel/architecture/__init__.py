"""What a Transformer is made of, what a step of it must do, and what it must hold."""
