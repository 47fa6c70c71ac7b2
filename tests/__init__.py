"""Tests; they mirror job/."""
