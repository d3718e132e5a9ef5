"""How the tree of life is laid out in a latent space: vectors and taxon ids in, a small record per question out."""
