"""
A small network, and out of Python
==================================

A search under a limit of cost, and the network as a file of ONNX, which runs on telephones, in browsers and wherever
else there is a runtime, without Python and without this library. It needs the extra ``skopdist[onnx]``.
"""

# %%
# ``limits`` bounds what predicts. No network beyond it is ever trained.

import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skopdist import OpDistNASClassifier
from skopdist.export import to_onnx

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=600, stratify=y, random_state=0)
clf = OpDistNASClassifier(
    input_shape=(1, 8, 8), limits={"params": 5_000}, n_trials=5, max_epochs=6, channels=8, n_cells=1, random_state=0
)
clf.fit(X_train, y_train)
print(f"{clf.n_parameters_} parameters, test accuracy {clf.score(X_test, y_test):.3f}")

# %%
# The trials that no other beats in both score and size:

front = clf.pareto_front_
print(dict(zip(front["n_parameters"].tolist(), front["score"].round(3).tolist(), strict=True)))
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
sizes = [trial.info["n_parameters"] for trial in clf.trials_]
axis.scatter(sizes, [trial.score for trial in clf.trials_], color="lightgrey", label="trials")
axis.scatter(front["n_parameters"], front["score"], label="not beaten")
axis.axvline(5_000, color="black", linestyle=":", label="limit")
axis.set(xlabel="parameters", ylabel="accuracy on held-out samples")
axis.legend()

# %%
# The file takes raw samples and gives probabilities: standardisation is in it. It is compared with ``predict_proba``
# before it takes its place, and the report says how far the two are apart.

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "digits.onnx"
report = to_onnx(clf, path, X=X_test, y=y_test)
print(f"{report.n_bytes / 1024:.0f} KiB, largest difference {report.largest_difference:.1e}")

# %%
# This is all that a program needs which uses the file.

session = onnxruntime.InferenceSession(path)
(probabilities,) = session.run(["probabilities"], {"X": X_test[:5]})
classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
print([classes[i] for i in np.argmax(probabilities, axis=1)], clf.predict(X_test[:5]))

del session
folder.cleanup()
