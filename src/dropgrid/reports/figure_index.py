"""What a figure shows, in a line."""

CAPTIONS = {
    "figure": "Accuracy of every row, and its difference to the baseline, paired by seed",
    "figure_lines": "Accuracy against a setting, a line a series",
    "figure_levels": "Accuracy and NLL after training, by level of noise, occlusion, attack, or number of passes",
    "figure_robustness": "Accuracy with DropBlock on at inference, a panel a block size",
    "figure_cam": "Class activation maps of a few test images",
    "figure_contrasts": "Contrasts of rows, computed seed by seed",
    "figure_ensemble": "Error and NLL of the mean prediction of K cells",
    "figure_filters": "First-layer filters and activations of the hidden units",
    "figure_shift": "Variance shift by batch-norm layer",
    "figure_spread": "Mean and standard deviation over seeds of validation accuracy, by epoch",
    "figure_weights": "Weights after training: how they are spread, norm and effective learning rate by layer",
    "figure_diagnosis_gradient": "Loss and gradient along the gradient, over training",
    "figure_diagnosis_hessian": "Both ends of the Hessian",
    "figure_diagnosis_inputs": "What reaches a unit over training, and the drift of batch norm's statistics",
    "figure_diagnosis_jacobian": "Singular values of the input–output Jacobian",
    "figure_diagnosis_landscape": "Slices of the loss landscape",
    "figure_diagnosis_signal": "The signal by depth, forward and backward",
    "figure_diagnosis_weights_by_depth": "Weight norms by depth",
    "hessian": "Eigenvalues of the Hessian",
    "figure_curves": "Validation accuracy by epoch",
    "figure_treatment": "What every site dropped, or moved by noise: realised against expected",
}
"""Stem of its file -> what it shows, in the order in which the gallery has them."""
