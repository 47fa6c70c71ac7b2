"""The categories of Amazon Reviews 2023, the data set that is read unless a config names another source.

The names are here for when nobody can be asked: in a shell that completes a word, and without a network. What they
have, and how much, only the Hub knows.
"""

from __future__ import annotations

DATASET = "McAuley-Lab/Amazon-Reviews-2023"
"""Its name on the Hub."""

CATEGORIES = (
    *("All_Beauty", "Amazon_Fashion", "Appliances", "Arts_Crafts_and_Sewing", "Automotive", "Baby_Products"),
    *("Beauty_and_Personal_Care", "Books", "CDs_and_Vinyl", "Cell_Phones_and_Accessories"),
    *("Clothing_Shoes_and_Jewelry", "Digital_Music", "Electronics", "Gift_Cards", "Grocery_and_Gourmet_Food"),
    *("Handmade_Products", "Health_and_Household", "Health_and_Personal_Care", "Home_and_Kitchen"),
    *("Industrial_and_Scientific", "Kindle_Store", "Magazine_Subscriptions", "Movies_and_TV", "Musical_Instruments"),
    *("Office_Products", "Patio_Lawn_and_Garden", "Pet_Supplies", "Software", "Sports_and_Outdoors"),
    *("Subscription_Boxes", "Tools_and_Home_Improvement", "Toys_and_Games", "Unknown", "Video_Games"),
)

LIMITS = (
    "Prices are of 2023, in US dollars. They were scraped: some are of a part, of a set, or wrong.",
    "Texts are English, written by sellers, and not checked by anybody.",
    "A listing may be there several times, in one category or in two.",
)
"""What a user of its items has to know."""

TERMS = (
    "The rows are of Amazon Reviews 2023, collected by the McAuley Lab of UC San Diego. The lab says that it is not in "
    "a position to give the data a licence, and offers it mainly for research; this card names no licence either."
)
"""What its owners say of its use."""

CITATION = (
    "Yupeng Hou, Jiacheng Li, Zhankui He, An Yan, Xiusi Chen, Julian McAuley: Bridging Language and Items for "
    "Retrieval and Recommendation. arXiv:2403.03952, 2024."
)
"""How it is cited."""
