"""What microscopes and preparations do to nucleus images: haze, debris, hot pixels, shadows, texture.

Each function takes and returns intensities (y, x) in any unit, before they are normalised, so that what debris does to
the percentiles of an image is seen in training as in use.
"""

import numpy as np

GRAINS = (1.0, 5.0)
"""smallest and largest sigma, in pixels, of added texture"""


def contrast(image: np.ndarray) -> float:
    """Return the distance between the 1st and the 99.7th percentile."""
    low, high = np.percentile(image[::2, ::2], [1, 99.7])
    return max(float(high - low), 1e-6)


def disc(image: np.ndarray, centre: tuple[float, float], radius: float, height: float, edge: float = 1.0) -> np.ndarray:
    """Lay a disc with a soft edge over the image, `height` contrasts above its darkest percentile."""
    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    distance = np.hypot(y - centre[0], x - centre[1])
    cover = 1 / (1 + np.exp(np.clip((distance - radius) / edge, -30, 30)))
    return np.maximum(image, np.percentile(image, 1) + cover * height * contrast(image))


def hot_pixels(image: np.ndarray, fraction: float, height: float, rng: np.random.Generator) -> np.ndarray:
    """Set a fraction of the pixels to `height` contrasts above the darkest percentile."""
    return np.where(rng.random(image.shape) < fraction, np.percentile(image, 1) + height * contrast(image), image)


def haze(image: np.ndarray, height: float, angle: float) -> np.ndarray:
    """Add a plane of light that rises by `height` contrasts across the image."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]] / max(image.shape)
    slope = np.sin(angle) * y + np.cos(angle) * x
    return image + height * contrast(image) * (slope - slope.min()) / np.ptp(slope)


def shadow(image: np.ndarray, centre: tuple[float, float], radius: float, depth: float) -> np.ndarray:
    """Dim a round part of the image with soft edges by the fraction `depth`, as dust on the optics does."""
    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    square = ((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / radius**2
    return image * (1 - depth * np.exp(-square))


def saturated_corner(image: np.ndarray, side: float, height: float) -> np.ndarray:
    """Light up a corner, whose soft edge is `side` (a fraction of the image) from it, as a reflection does."""
    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    reach = np.hypot(y / image.shape[0], x / image.shape[1]) / side
    return image + height * contrast(image) / (1 + np.exp(np.clip((reach - 1) * 20, -30, 30)))


def texture(image: np.ndarray, depth: float, grain: float, rng: np.random.Generator) -> np.ndarray:
    """Multiply what is above the darkest percentile by 1 + `depth` times smooth noise, as chromatin varies."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.standard_normal(image.shape), grain)
    low = np.percentile(image, 1)
    return low + (image - low) * np.maximum(1 + depth * noise / noise.std(), 0.1)


def spots(image: np.ndarray, diameter: float, height: float, rng: np.random.Generator) -> np.ndarray:
    """Brighten about six spots of a nucleus by up to `height` of what is there, as dense chromatin shines."""
    from scipy.ndimage import gaussian_filter

    sigma = max(diameter * rng.uniform(0.05, 0.1), 0.7)
    seeds = (rng.random(image.shape) < 8 / diameter**2) * rng.uniform(0.3, 1, image.shape)
    low = np.percentile(image, 1)
    return low + (image - low) * (1 + height * np.minimum(2 * np.pi * sigma**2 * gaussian_filter(seeds, sigma), 1))


def cloud(
    image: np.ndarray, centre: tuple[float, float], radius: float, height: float, grain: float, rng: np.random.Generator
) -> np.ndarray:
    """Add light of uneven density, as tissue out of focus has: up to `height` contrasts at `centre`, fading out."""
    from scipy.ndimage import gaussian_filter

    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    cover = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2 * radius**2))
    noise = gaussian_filter(rng.standard_normal(image.shape), grain)
    return image + height * contrast(image) * cover * np.clip(1 + 0.25 * noise / noise.std(), 0.2, 1.8)


def at_random(image: np.ndarray, diameter: float, rng: np.random.Generator) -> np.ndarray:
    """Return the image with some of all this; `diameter` is that of a typical nucleus, and of most debris."""
    side = np.array(image.shape)
    if rng.random() < 0.5:
        grain = np.exp(rng.uniform(*np.log(GRAINS))) * diameter / 20
        image = texture(image, rng.uniform(0, 0.35), grain, rng)
    if rng.random() < 0.3:
        image = spots(image, diameter, rng.uniform(0.3, 1.2), rng)
    if rng.random() < 0.3:
        image = haze(image, rng.uniform(0.2, 2.5), rng.uniform(0, 2 * np.pi))
    if rng.random() < 0.25:
        radius, height = diameter * np.exp(rng.uniform(np.log(2), np.log(10))), rng.uniform(0.2, 0.9)
        grain = diameter * rng.uniform(0.15, 0.5)
        image = cloud(image, tuple(rng.uniform(0, side)), radius, height, grain, rng)
    if rng.random() < 0.15:
        image = shadow(image, tuple(rng.uniform(0, side)), diameter * rng.uniform(2, 8), rng.uniform(0.2, 0.8))
    if rng.random() < 0.1:
        image = saturated_corner(image, rng.uniform(0.1, 0.4), rng.uniform(1, 5))
    if rng.random() < 0.4:
        height, strong = np.exp(rng.uniform(0, np.log(10))), rng.integers(1, 4)
        for _ in range(strong):
            radius = diameter / 2 * np.exp(rng.uniform(np.log(0.3), np.log(4)))
            image = disc(image, tuple(rng.uniform(0, side)), radius, height, rng.uniform(0.5, 3) * diameter / 20)
    if rng.random() < 0.2:
        image = hot_pixels(image, rng.uniform(0, 0.002), np.exp(rng.uniform(0, np.log(10))), rng)
    return image.astype(np.float32)
