"""Recipes of the loop compared in memory: how a day's images are chosen and fitted, by how near its gradient comes."""
