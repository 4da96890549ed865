// A plane of latent space (vae/analysis/projections.py): place = (z − origin) forwardᵀ, z = origin + place · back.

export const latentsAt = ({ origin, back }, [x, y]) => origin.map((value, d) => value + x * back[0][d] + y * back[1][d]);

export const placeAt = ({ origin, forward }, z) => (
  forward.map((axis) => axis.reduce((sum, weight, d) => sum + weight * (z[d] - origin[d]), 0)));
