"""How well detected cells agree with true ones. Arrays in, numbers out."""
