"""The steps of the tour: a page, a title, and one or two sentences of instruction."""

from typing import NamedTuple


class Step(NamedTuple):
    """One step of the tour."""

    page: str  # file in pages/
    title: str
    text: str  # Markdown, one or two sentences


STEPS = (
    Step(
        "train.py",
        "Train a model",
        "Press **Train** in the sidebar. An encoder q(z|x) and a decoder p(x|z) learn together; "
        "the map shows where the encoder puts the examples.",
    ),
    Step(
        "train.py",
        "Watch the bound come apart",
        "−ELBO = reconstruction + KL, in nats per example. Reconstruction falls as the decoder "
        "learns; KL rises as z begins to carry information about x.",
    ),
    Step(
        "latent.py",
        "Point at the latent map",
        "Each point is the mean of q(z|x) of one example. Move the pointer between the points: "
        "the decoder shows the x that it generates there.",
    ),
    Step(
        "latent.py",
        "Select a cluster",
        "Choose the lasso above the map and draw around a cluster. The panel shows the selected "
        "examples beside their reconstructions.",
    ),
    Step(
        "latent.py",
        "Move a slider",
        "Each slider beside the map changes one latent and holds the others. The picture is "
        "decoded as it moves, and the ring on the map shows the place of z.",
    ),
    Step(
        "reconstructions.py",
        "Draw an example",
        "Choose **Custom example** and draw. The encoder finds a z for the drawing, and the "
        "decoder reconstructs it from that z.",
    ),
    Step(
        "samples.py",
        "Sample from the prior",
        "Each picture decodes a z drawn from p(z) = N(0, I). Another **Seed** draws others; a "
        "**Temperature** below 1 stays near the centre of the map.",
    ),
    Step(
        "train.py",
        "Raise β, then bring your own pictures",
        "Set **β** to 4 and press **Train**: KL falls and reconstructions blur. Then choose your "
        "own file or folder in the field **Data** and train on it.",
    ),
)
