"""VAE Lab's library: variational autoencoders, their training and their exploration; no screen.

The floors; a module imports from lower floors only (`tests/test_floors.py`):

    0  records      the plain records that travel between the rooms; NumPy, no torch
       options      what a hyperparameter says of itself: help, range, choices
       palette      the colours and what they mean
       streams      every random draw as a function of (seed, purpose, position)
       devices      what this machine has
       networks     bodies of encoder and decoder
       likelihoods  decoder output → p(x|z)
       posteriors   encoder output → q(z|x)
       priors       p(z)
       objectives   pure functions of one forward pass
       schedules    pure functions of the step
       projections  latents → two dimensions
       images       arrays → tiled grids → PNG
       data/        a name or a path → Dataset
    1  config       RunConfig: everything that a run depends on
    2  model        VAE
    3  evaluation   one yardstick for every run
       latent       encode, decode, sample
       runs         the run folder
    4  training     train(config, data) → iterator of records
       figures/     records → Plotly figures
    5  worker       the process that does long work, and what starts and ends it
    6  __main__     the commands
       dashboard/   the only part that imports streamlit
"""
