"""What the files of an attack set are called."""

DOCUMENT_NAME, PAGE_NAME, TABLE_NAME, CSV_NAME, IMAGES_NAME = (
    "attack.json",
    "index.html",
    "attacks.parquet",
    "attacks.csv",
    "images.h5",
)
