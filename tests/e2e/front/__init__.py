"""Fronts by their configuration alone: HAProxy in a bed without pvdify, and an app that tells what it was asked."""
