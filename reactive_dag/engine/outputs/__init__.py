"""Outputs that are no JSON: files beside the log, written before the success that names them is recorded (R21)."""
