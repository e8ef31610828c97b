"""What features of pixels are worth: a simple classifier from painted classes, tested in places that it did not learn from.

``blocks`` divides a painting so that no test pixel has a neighbour among those learned from, ``logistic`` is the classifier, ``evaluate`` measures
it over the folds and says which features speak for each class, ``latents`` has the codes that a run's method gave its pixels.
"""
