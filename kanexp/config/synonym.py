"""What other libraries and papers call a setting, and what it is called here."""

from collections.abc import Sequence

# How many functions a basis has: every layer calls it by its own name, and takes that of any other for it.
SIZES = ("intervals", "degree", "frequencies", "centers", "nodes", "hidden")
_SIZE = ("grid_size", "num_intervals", "num_grids", "n_grids", "n_basis", "num_basis", "size", "knots", "G")

# A name -> what it may mean, the likeliest first.
MEANINGS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_SIZE, SIZES),
    **{name: tuple(size for size in SIZES if size != name) for name in SIZES},
    "grid": SIZES,
    "degree": ("order", *SIZES),
    "hidden": ("widths", *SIZES),
    **dict.fromkeys(("k", "spline_order"), ("order",)),
    **dict.fromkeys(("lr", "rate", "eta", "alpha", "step_size"), ("learning_rate",)),
    **dict.fromkeys(("epochs", "n_epochs", "num_epochs", "max_epochs", "iterations", "iters", "max_iter"), ("steps",)),
    **dict.fromkeys(("n_steps", "num_steps", "max_steps"), ("steps",)),
    **dict.fromkeys(("batch", "bs", "batchsize", "minibatch"), ("batch_size",)),
    **dict.fromkeys(("width", "hidden_layers", "layers_hidden", "hidden_dim", "hidden_size"), ("widths",)),
    **dict.fromkeys(("seed", "n_seeds", "num_seeds", "random_state"), ("seeds",)),
    **dict.fromkeys(("lambda", "lam", "lamb", "lmbd", "strength", "coef"), ("weight",)),
    **dict.fromkeys(("early_stopping", "early_stop"), ("patience",)),
    **dict.fromkeys(("precision", "float"), ("dtype",)),
    **dict.fromkeys(("gpu", "cuda"), ("device",)),
    **dict.fromkeys(("out", "output", "out_dir", "outdir", "folder", "dir"), ("output_dir",)),
    **dict.fromkeys(("formula", "expr", "equation"), ("expression",)),
    **dict.fromkeys(("file", "csv", "filename"), ("path",)),
    **dict.fromkeys(("label", "y", "column"), ("target",)),
    **dict.fromkeys(("samples", "n_train", "train_num"), ("train",)),
    **dict.fromkeys(("max_grad_norm", "grad_clip", "clip_norm"), ("clip",)),
    **dict.fromkeys(("ranges", "geometry"), ("domain",)),
    **dict.fromkeys(("solution", "reference"), ("exact",)),
    "eps": ("epsilon",),
}


def synonym(word: str, known: Sequence[str]) -> str:
    """The known name for what is called otherwise elsewhere; empty where there is none.

    Of `layer.degree` the last part is the name.
    """
    ends = {name.split(".")[-1]: name for name in reversed(known)}
    return next((ends[name] for name in MEANINGS.get(word, ()) if name in ends), "")
