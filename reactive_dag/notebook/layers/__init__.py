"""Boxes and lines between them in layers, from left to right: where each stands and how each goes, as numbers."""
