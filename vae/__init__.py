"""VAE Lab: train, evaluate and explore variational autoencoders.

The rooms from top to bottom: a module imports from its own room and from rooms below it only
(`tests/test_floors.py` reads this list):

    app.py, pages/   the entry point and one file a page
    __main__         `python -m vae`
    dashboard/       the Streamlit app; nothing else imports streamlit
    commands/        the command line; nothing below it prints
    report/          runs as one self-contained HTML file
    diagnostics/     training statistics, checks for common failures, findings and fixes
    worker/          the process that does long work: train, evaluate, project; its launcher
    figures/         records → Plotly figures
    script/          a run as one Python file that trains it again
    experiments/     configurations, sweeps, variants, entries of the run table
    analysis/        encode, decode, sample, project, rank, interpolate
    theory/          exact cases of the theory, for the lessons
    training/        train(config, data) → iterator of events
    evaluation/      the bound, −ln p(x) and every other measure of a trained model
    recorder/        a training loop elsewhere writes a run
    runs/            the run folder: create, read, record, list, export, import
    footprint        weights, memory and operations of a configuration, before it is built
    batches          examples on a device, as the model reads them
    model            VAE: encoder, posterior, prior, decoder, likelihood
    config/          RunConfig: everything that a run depends on; presets; β conventions
    components/      networks, likelihoods, posteriors, priors, objectives, schedules
    data/            a name or a path → Dataset
    imaging/         arrays → tiled grids → PNG, GIF, WebP
    base/            records, options, progress, devices, random numbers, files, statistics
"""
