"""Names inside run and sweep folders, known nowhere else, and the format of what is in them."""

FORMAT = 2  # of everything below; raised when a reader of the old one would misread the new

CONFIG, RECORD, MODEL, FIGURES = "config.yaml", "run.json", "model.pt", "figures"
DIAGNOSIS, CHECKPOINT = "diagnosis.json", "checkpoint.pt"
LOCK, RESERVE = ".lock", ".reserve"
PLAN, PACKS, STUDY, TRIALS = "sweep.json", ".packs", "study.log", "trials.csv"
FORMULAS, FORMULA_TEX, FORMULA_PY = "formula.csv", "formula.tex", "formula.py"
FORMULA_CANDIDATES = "formula_candidates.csv"
