"""VAE Lab's library: variational autoencoders, their training and their exploration; no screen.

The floors; a module imports from lower floors only, and a folder also from itself
(`tests/test_floors.py` reads them here):

    -1  records      the plain records that travel between the rooms; NumPy, no torch
        options      what a hyperparameter says of itself: help, range, choices
        palette      the colours and what they mean
        presets      settings to start from
        bounds       the parts that objectives are made of
        importance   what importance weights say of themselves
        intervals    how sure a share is
        verdicts     how sure a mean over seeds is, and whether two configurations differ
        progress     how far long work is
        distributions  those that torch has not, or not to the last digit
     0  streams      every random draw as a function of (seed, purpose, position)
        devices      what this machine has
        storage      files that survive: replaced whole or grown by whole lines
        networks     bodies of encoder and decoder
        likelihoods  decoder output → p(x|z)
        posteriors   encoder output → q(z|x)
        priors       p(z)
        objectives   pure functions of one forward pass
        conventions  what β is called elsewhere
        course       how training went, in a few numbers
        schedules    pure functions of the step
        projections  latents → two dimensions, and back where that is possible
        space        latents → three dimensions, and where the prior lies there
        aggregate    what all examples together make of the latents
        density      Gaussians side by side, and how much of their mass lies where
        replay       kept frames → one sequence in one plane
        probes       the class read from the latents
        disentanglement  whether each latent stands for one factor
        fidelity     how well samples pass for real examples
        nearest      the nearest of many examples, exactly
        surprise     how badly a model does on one example, against many others
        corruption   what may be done to examples, to see what a model restores
        images       arrays → tiled grids → PNG
        animation    pictures that follow each other → GIF, WebP
        data/        a name or a path → Dataset
     1  config       RunConfig: everything that a run depends on
        constant     the best output of a decoder without latents
     2  model        VAE
        batches      examples on a device, as the model sees them
        plan         what happens at which step of a training run
        doctor       what the collapse doctor reads, goes by and says
     3  evaluation/  one yardstick for every run
        illnesses    what may ail a run, its evidence and its remedy
        summary      what a data set holds, in numbers
        baseline     what a model without latents pays
        latent       encode, decode, sample
        paths        along a latent, between two examples, along a difference of means
        runs/        the run folder
        comparison   runs side by side: one configuration, one plane, one name
        frames       what a model makes of a few fixed examples while it trains
        meters       what is measured while training runs
     4  training     train(config, data) → iterator of records
        opened       a run opened to be looked at: its model, its data, their splits
        atlas        what the decoder makes of a grid of places
        figures/     records → Plotly figures
        sweeps       one configuration and several values of its settings → runs
        latent_sources  where z is drawn from, to be decoded
     5  worker/      the process that does long work, and what starts and ends it
        branches     a run and one other value of one setting → a run
        checkup      what the doctor measures on a run's model
        own          an example from outside, seen through a run
        restoring    what a model makes of corrupted examples
        script/      a run as one Python file that stands alone
     6  report/      runs as one HTML file that stands alone
     7  commands/    what the command line offers
        dashboard/   the only part that imports streamlit
     8  __main__     `python -m vae`
        app.py, pages/
"""
