"""The words that the sample catalogue begins with: ordinary English ones by kind, and the parts of invented ones.

In each list of words, frequent ones come first.
"""

from __future__ import annotations


def _split(text: str, separator: str = " ") -> tuple[str, ...]:
    return tuple(text.split(separator))


FUNCTION_WORDS = _split(
    "the and of to a with for in is it your you this on or that from are not be as by can all any no we our have "
    "will when more one at if use has an each so they than up out only while into which also after most other "
    "both may without over just them their made between does its every"
)

NOUNS = _split(
    "kettle filter handle strap shelf lamp hose case stand tray hood cable belt bowl blade tuner jar valve clip "
    "rack pump nozzle grate knob gasket pedal drum guitar oven freezer pick string bow reed speaker switch cover "
    "lid box bag cup pan hook screw bolt nut washer spring seal ring wheel motor fan lens light bulb plug socket "
    "wire sensor timer clock watch scale rule knife fork spoon plate glass mug bottle flask pot rag towel cloth "
    "brush broom mop sponge bucket basket drawer door hinge lock key latch chain rope cord net tent chair table "
    "desk bench stool sofa bed pillow mat rug curtain blind frame mirror vase candle clamp drill saw hammer "
    "wrench plier chisel file plane sander tape glue paint roller ladder shovel rake hoe pruner planter seed pipe "
    "tap sink drain shower basin tile grout vent duct heater cooler fridge stove burner toaster mixer blender "
    "grinder juicer press mill sieve grater peeler opener whisk ladle rest mount bracket arm post rail base foot "
    "leg pad cushion grip sleeve collar cap hat glove sock boot shoe lace buckle zip button thread needle yarn "
    "ribbon lining pocket wallet purse card pen pencil marker crayon eraser ruler stapler binder folder paper "
    "label stamp ink toner printer scanner screen stylus charger battery adapter antenna remote camera tripod "
    "flash mask helmet tyre tube saddle bell spoke gear brake lever wiper bumper fender hub axle jack winch "
    "trailer hitch kayak paddle oar anchor reel rod lure bait float dart puck racket bat ball goal whistle medal "
    "trophy puzzle doll kite marble domino violin viola cello flute oboe banjo ukulele harp piano keyboard cymbal "
    "snare tambourine maraca capo bridge fret pickup amplifier microphone headset earbud turntable record "
    "songbook metronome baton engine carburettor piston gauge dial meter probe tester magnet anvil vice lathe "
    "router jigsaw mitre trowel scaffold winder ratchet spanner toolbox holster apron respirator harness "
    "carabiner tarp canopy gazebo hammock lantern torch compass map binocular telescope microscope prism globe "
    "abacus blackboard easel palette canvas sketchbook notebook diary calendar envelope postcard poster sticker "
    "badge lanyard whiteboard projector mousepad joystick console controller modem server drive disk cartridge "
    "splitter dongle dock enclosure heatsink grille spoiler visor dashboard seat seatbelt airbag radiator "
    "alternator starter ignition muffler exhaust manifold camshaft crankshaft flywheel clutch gearbox driveshaft "
    "strut damper rotor caliper tread valvecap towbar bassoon clarinet trumpet trombone tuba horn saxophone "
    "mouthpiece ligature rosin bowstring soundboard fretboard tailpiece pegbox lute lyre mandolin zither dulcimer "
    "accordion bagpipe recorder ocarina kazoo xylophone marimba glockenspiel gong triangle cowbell songsheet "
    "lectern podium stagebox crossover subwoofer tweeter woofer equaliser preamp footswitch looper sampler "
    "synthesiser teapot saucepan skillet griddle wok casserole roaster steamer colander strainer funnel spatula "
    "scoop skewer trivet coaster placemat napkin tablecloth runner decanter carafe goblet tumbler pitcher ramekin "
    "souffl\u00e9 canister breadbox cruet shaker corkscrew bottle-opener nutcracker mandoline zester pestle mortar "
    "thermometer egg-timer dishrack dishcloth scrubber squeegee dustpan hamper clothesline peg ironing-board "
    "detergent softener bleach polish wax varnish sealant putty primer sandpaper caulk cement plaster insulation "
    "rafter joist plank batten dowel moulding shutter awning gutter downspout faucet spigot hosepipe sprinkler "
    "trellis arbour pergola birdbath birdhouse feeder compost mulch wheelbarrow hedge lawn mower trimmer chipper "
    "chainsaw axe hatchet machete sickle scythe pitchfork dibber cloche propagator cradle pram stroller highchair "
    "bib pacifier rattle teether blanket quilt duvet mattress bolster headboard footstool ottoman recliner "
    "armchair bookcase sideboard wardrobe dresser nightstand coat-rack umbrella suitcase backpack briefcase "
    "satchel rucksack tote pouch keyring bracelet necklace earring brooch pendant anklet cufflink tie scarf shawl "
    "poncho cardigan jumper blouse skirt trouser jacket raincoat vest overall slipper sandal clog trainer insole "
    "shoelace shoehorn beret bonnet skateboard scooter unicycle trampoline frisbee boomerang yo-yo shuttlecock "
    "racquet goalpost scoreboard stopwatch dumbbell kettlebell barbell treadmill rower stepper yoga-mat "
    "foam-roller wristband kneepad shinguard mouthguard snorkel flipper wetsuit surfboard snowboard ski toboggan "
    "sledge crampon ice-axe teddy puppet pinwheel bandage walker wheelchair tweezer comb hairbrush razor shaver "
    "clipper curler dryer lotion shampoo conditioner serum balm cream perfume lipstick eyeliner blush powder "
    "nail-file loofah soap"
)
SHORT_NOUNS = tuple(noun for noun in NOUNS if len(noun) <= 4)

ADJECTIVES = _split(
    "quiet sturdy compact washable heavy bright smooth simple reliable polished spare warm round flexible durable "
    "light clear portable seamless adjustable matte foldable rugged gentle solid handy narrow deep strong soft "
    "quick safe easy thick thin wide tall short long slim flat curved straight sharp blunt fine coarse firm stiff "
    "loose tight dry fresh clean pure plain neat tidy modern classic rustic elegant charming timeless stylish "
    "sleek glossy satin brushed woven knitted padded lined sealed tested trusted proven original genuine "
    "universal removable reusable refillable rechargeable stackable extendable collapsible reversible detachable "
    "magnetic electric manual automatic digital analogue wireless waterproof rustproof dustproof shockproof "
    "heatproof fireproof odourless harmless cordless hinged ribbed grooved tapered slotted threaded angled hollow "
    "dense airy breathable insulated reinforced hardened tempered stainless galvanised anodised lacquered "
    "varnished stained painted printed engraved embossed handmade homemade local seasonal festive playful "
    "colourful vivid pale muted dark golden silvery coppery wooden metallic ceramic woollen leathery rubbery "
    "crisp creamy smoky sweet mild spicy tangy hearty generous roomy spacious airtight watertight precise "
    "accurate steady stable balanced responsive sensitive powerful efficient economical affordable premium deluxe "
    "essential optional extra double triple single dual twin tiny small medium large giant huge jumbo mini "
    "ultralight lightweight heavyweight everyday professional beginner advanced junior senior patient careful "
    "clever curious honest humble lively mellow noble proud resonant sonorous shimmering thunderous absorbent "
    "abrasive acoustic aerodynamic ageless ambient ample angular antique aromatic artistic athletic basic beaded "
    "beautiful bendable biodegradable bold bouncy braided breezy brilliant broad bulky buttery calm capable "
    "casual chunky circular classy comfortable concave concise conical convenient convex cosy countless creative "
    "cubic cushioned cute dainty dazzling decorative delicate delightful dependable detailed diagonal dimmable "
    "direct discreet domestic dreamy dynamic eager earthy elastic elliptical elongated enduring energetic "
    "ergonomic even exotic expandable fancy fashionable fast favourite feathery fibrous fitted fluffy fluted "
    "forged formal fragrant freestanding frosted fruity functional funny furry fuzzy glamorous gleaming "
    "glittering glowing graceful grand granular grippy half-round handheld handpainted handsome hardy healthy "
    "helpful hexagonal historic hypoallergenic iconic illuminated immersive industrial inflatable ingenious "
    "innovative insulating intricate intuitive inviting irresistible jagged jolly joyful juicy laminated "
    "large-scale lasting layered lean legible lifelong lovely loyal lucky luminous lush luxurious magical marbled "
    "maritime massive mechanical meticulous mighty minimal mirrored motorised multicoloured muscular musical "
    "mystic natural nautical neutral nimble nonslip nostalgic novel oblong octagonal opaque open-ended opulent "
    "organic ornate oval overnight oversized panoramic parallel patterned peaceful perforated perfect permanent "
    "personal petite picturesque pivoting plush pointed popular porous practical pressed pretty private prompt "
    "protective punchy quilted radiant rapid rare rectangular refined refreshing regular relaxed remarkable "
    "resilient restful retractable retro rich rigid ripe romantic rotating rough royal ruffled safe-edged salty "
    "sandy scented scratchless sculpted secure selected semi-rigid serene shallow shaped shiny silent silky "
    "silver-plated skilful sleeveless slender slick slippery slow snug soothing special speedy spiral splendid "
    "spotless springy square stately stretchy striking striped structured stunning subtle suitable sunny superb "
    "supple supportive swift swivelling symmetrical tactile tangible tasteful telescopic textured thermal thirsty "
    "thorough thoughtful tilted tough traditional translucent transparent tropical truthful twisted ultrafine "
    "unbreakable unique upright usable useful valuable vaulted velvety ventilated versatile vertical vibrant "
    "vintage visible warm-hearted wavy waxed wearable weathered weatherproof weighted welcome whimsical wholesome "
    "wild windproof wise witty woody worthy wrinkled youthful zealous zigzag zippered"
)
SHORT_ADJECTIVES = tuple(adjective for adjective in ADJECTIVES if len(adjective) <= 5)

VERBS = _split(
    "clean carry replace store mount adjust open repair turn fold wash fill lift move pack press pull push lock "
    "seal sort stack stretch tighten loosen assemble attach remove charge connect protect cover wrap warm cool "
    "cook roast toast brew boil steam bake whisk stir pour serve slice peel grate measure weigh mark trim polish "
    "sand paint varnish glue nail screw drill hammer plant water prune rake dust vacuum rinse soak dry stitch "
    "knit dye print scan colour file staple record play pluck practise learn train balance climb paddle row sail "
    "steer park tow load unload transport camp hike explore inspect check test compare match order return "
    "exchange gift treasure collect display arrange decorate brighten soften strengthen reinforce insulate "
    "ventilate filter drain pump spray heat thaw chill adapt add adorn aim align amplify anchor apply assist "
    "bathe blend boost brush calibrate capture carve chop coat comb combine complete conceal conserve convert "
    "craft crush curl deliver demist design detect dice dispense divide drape dress elevate empty enclose engrave "
    "enhance enjoy enrich etch expand extend extract fasten fertilise fillet finish fish flatten float frame "
    "freshen fry garnish gather grip groom guide harvest hoist hook illuminate improve inflate infuse inspire "
    "install juggle juice kick knead launch launder layer link loop lubricate maintain marinate mend mix moisten "
    "monitor mould mow muffle nestle nourish operate organise pad pair pave perform perfume personalise pickle "
    "plan plate plug position prepare preserve prime produce puree rack raise refill reflect refresh regulate "
    "relax release relieve remember renew replenish rescue restore reuse reveal rotate scoop scour screen scrub "
    "sculpt season secure select separate share sharpen shave shelter shield shine shorten sift simmer sketch "
    "smooth soothe spice splash sprinkle squeeze stabilise stain start steady stow straighten strain streamline "
    "style support suspend swap tailor tenderise thicken tie tilt toughen trace track trade transform treat "
    "trigger twist unpack upgrade uplift vent view walk warn wax whip wire work zoom"
)

MATERIALS = _split(
    "steel beech silicone brass glass nylon cotton aluminium maple cork bamboo rubber leather walnut oak pine "
    "spruce rosewood ebony birch linen wool felt canvas velvet polyester acrylic ceramic porcelain stoneware "
    "marble granite copper bronze pewter titanium zinc chrome iron plastic vinyl foam latex bone horn ivory-look "
    "resin carbon graphite fibreglass melamine jute sisal rattan wicker microfibre neoprene polycarbonate "
    "polypropylene"
)

COLOURS = _split(
    "black; white; silver; walnut; sand; navy blue; moss green; cr\u00e8me; red; grey; blue; green; brown; beige; "
    "gold; pink; purple; orange; yellow; teal; ivory; charcoal; olive; rust; burgundy; turquoise; lavender; mint; "
    "coral; plum; sky blue; rose gold; gunmetal; champagne; off-white; \u00e9cru; wine red; forest green; slate; "
    "pearl; honey oak",
    "; ",
)

PLACES = _split(
    "kitchen; workshop; studio; stage; laundry room; rehearsal room; garage; small flat; bedroom; office; garden; "
    "caravan; classroom; bathroom; hallway; cellar; attic; balcony; terrace; greenhouse; shed; boat; tent; "
    "dormitory; nursery; library; caf\u00e9; restaurant; bakery; salon; gym; clinic; church; school hall; club; "
    "campsite; farm; market stall; camper van; living room; dining room; guest room; playroom; basement; patio; "
    "porch; pantry; loft",
    "; ",
)

MONTHS = _split("January February March April May June July August September October November December")
UNITS = _split("V W Hz ml cm mm ft in oz lb kg g A Ah mAh qt L yd psi rpm dB lm K")

NAME_STARTS = _split(
    "Alv Brenn Cald Dorn Farr Isl Jorv Kest Lumb Nord Ost Rosk S\u00f6l Ulm Z\u00e9ph Bex Cor Dav Elk Fen Gal Hart Ing "
    "Jun "
    "Kar Lind Mar Nex Orb Pell Quin Rav Sten Tal Urs Ver Wyn Yar Zan Thorn Bran Cress Drav Ebb Fjord Gr\u00fcn Holm "
    "Ivo Kl\u00f8v Marl"
)
NAME_MIDDLES = _split("a e i o u er an el or in ad em ol is un ar en il os um ap ec id ot ul av eb if og uk")
NAME_ENDS = _split(
    "ix ora wood tek mark una field ell son haus ity line ex ia o ette er berg dale ford ton ley worth stone lux "
    "va ra nor dis mont en eau ini ova ski sen az isk um art ock wick"
)

NOUN_ENDINGS = _split("let ware work holder keeper saver guard mate craft line wood stand")
ADJECTIVE_BEGINNINGS = _split("ultra super extra semi non hyper all mega un")
ADJECTIVE_ENDINGS = _split(
    "proof safe free friendly ready resistant style mounted backed lined coated shaped powered tested grade like "
    "based filled sized tight side top rated"
)
VERB_BEGINNINGS = _split("re pre over out co hand un machine")
LINE_ENDINGS = _split(" Pro Max Lite Plus X II Mini 360 Air Go Eco Ultra Neo 3D One")
"""Ends of the names of product lines. The first one is empty."""

FOREIGN_PARTS = (
    _split(  # Chinese
        "\u9ad8 \u54c1 \u8cea \u65b0 \u5bb6 \u7528 \u97f3 \u4e50 \u5668 \u4e0d \u9508 \u94a2 \u6728 \u5236 "
        "\u5927 \u5c0f \u53f7 \u9ed1 \u767d \u7ea2 \u84dd \u5957 \u88c5 \u676f \u58f6 \u706f \u7ebf"
    ),
    _split(  # Cyrillic
        "\u0441\u0442 \u0430\u043b\u044c \u0447\u0430\u0439 \u043d\u0438\u043a \u043b\u0430\u043c \u043f\u0430 "
        "\u043d\u043e \u0432\u044b\u0439 \u0434\u043e\u043c \u043a\u0443\u0445 \u043d\u044f \u0433\u0438 "
        "\u0442\u0430\u0440\u0430 \u0441\u0434\u0435\u043b \u043c\u0435\u0434\u044c \u0434\u0443\u0431"
    ),
    _split(  # Arabic
        "\u0645\u0635 \u0628\u0627\u062d \u062c\u062f \u064a\u062f \u0648\u0639 \u0627\u0621 \u0628\u064a\u062a "
        "\u0645\u0637 \u0628\u062e \u0635\u0648\u062a \u0623\u0633 \u0648\u062f"
    ),
    _split(  # Japanese
        "\u30b1 \u30c8 \u30eb \u30ae \u30bf \u30fc \u30e9 \u30f3 \u30d7 \u30c9 \u30a2 \u30ab \u30d0 \u30cf"
    ),
    _split(  # Latin with accents
        "k\u00fc che gro\u00df caf\u00e9 t\u00eate cr\u00e8 me se\u00f1 or ni\u00f1 o fa\u00e7 on \u00fcber "
        "na\u00efve g\u00e2 teau pi\u00f1 ata sm\u00f8r br\u00f8d \u0142 \u00f3d\u017a"
    ),
)
"""Parts of words in several scripts. Two or three make a word."""

EMOJI = _split(
    "\u2728 \u2705 \U0001f3b5 \U0001f525 \U0001f44d\U0001f3fd \u2764\ufe0f \U0001f381 \u2b50 \U0001f3b8 \U0001f373 "
    "\U0001f4a1 \u2600\ufe0f \U0001f331 \U0001f6e0\ufe0f \U0001f468\u200d\U0001f373"
)
ODD_CHARACTERS = (
    "\u200b",
    "\u00a0",
    "\u2122",
    "\u00ae",
    "\u2126\u2122",
    "200cm\u00b2",
    "\u2022",
    "\u2013",
    "\u00bd",
    "\u00b0C",
)
