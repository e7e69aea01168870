/** What `metropolis doctor --compare` reads where no text is given: prose, talk, sums, lists and code of our own. */
export const comparisonText = `The harbour was quiet when the ferry came in. Two men on the quay caught the ropes and made them fast, and a woman with a
dog waited until the ramp was down. It had rained all morning, so that the stones shone, and above the warehouses the clouds were beginning to break. By noon
the market would be full. Most people here sell what they grow or catch: potatoes, onions, herring, sometimes a crab. Nobody gets rich by it, but few go away.

"When does the next boat leave?" asked the boy.
"At a quarter past three," said the woman, "if the wind does not turn. Yesterday it turned, and we sat here until the evening."
"And if it turns again?"
"Then you will have time to learn how to wait."

Water boils at 100 degrees Celsius at sea level. Higher up the pressure of the air is lower, and so is the temperature at which water boils: about 90 degrees at
3,000 metres. That is why potatoes take longer to cook on a mountain. The reason is not that the fire is weaker, but that the water cannot become any hotter
before it turns to steam. A closed pot helps, because the steam that cannot escape raises the pressure again.

A baker makes 24 loaves in the morning and 18 in the afternoon. She sells 35 of them. How many are left? In the morning and the afternoon together she makes
24 + 18 = 42 loaves. She sells 35, so 42 - 35 = 7 are left. If each loaf costs 3 dollars, she has earned 35 * 3 = 105 dollars.

To mend a flat tyre you need:
1. a patch and glue,
2. two levers to take the tyre off the wheel,
3. a pump.
Find the hole by holding the tube under water and looking for bubbles. Dry the tube, roughen the place, spread the glue, wait five minutes, and press the patch on.

def mean(values):
    """Return the arithmetic mean of a list of numbers."""
    if len(values) == 0:
        raise ValueError("mean of an empty list")
    total = 0.0
    for value in values:
        total += value
    return total / len(values)

The capital of France is Paris, that of Japan is Tokyo, and that of Canada is Ottawa, not Toronto. The Earth goes around the Sun once a year, and the Moon around the
Earth about once a month. A week has seven days: Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday.
`;
