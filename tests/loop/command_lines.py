"""Every command of both programs, with arguments that have it do what it is for."""

# Each command with arguments that have it do what it is for. {done}: a finished study of two days, {played}: one of an
# animal whose session was a pilot, {stopped}: one whose session was stopped, {recorded}: one whose session was recorded
# as well, {copy}: its recording
LINES = (
    "closedloop dry-run {done}",
    "closedloop init new --protocol {two_days} --subject m --images {photographs} --base-model small_resnet_robust",
    "closedloop new new --protocol {two_days} --subject m --species rhesus --sex F --birth P8Y --regions IT"
    " --hemispheres left --images {photographs} --days 1 --experimenters 'A, B' --institution C",
    "closedloop rehearse {played} --out new --images 20 --workers 2",
    "closedloop run {recorded} --settle 0 --workers 2",
    "closedloop status {done}",
    "closedloop serve {done} --unit",  # what it serves, on this machine alone, is looked at in test_serve.py
    "closedloop hold {played} --by ada --reason pause",
    "closedloop release {held} --by ada --reason over",
    "closedloop approve {held} hold --by ada --reason over",
    "closedloop accept-session {played} --day 0 --despite mouse-gaze --why pilot",
    "closedloop accept-recording {recorded} --day 0 --why less",
    "closedloop replace-recording {recorded} --day 0 --from {copy} --why copy --settle 0",
    "closedloop amend {played} {differs} --from-day 1 --by ada --why finer",
    "closedloop withdraw {amended} 1 --by ada --why coarse",
    "closedloop history {done}",
    "closedloop move {played} --images {elsewhere} --by ada --why disk",
    "closedloop add-images {grown} --by ada --why more",
    "closedloop skip-day {played} --day 1 --by ada --why ill",
    "closedloop unskip-day {played} --day 1 --by ada --why well",
    "closedloop add-block {played} --day 0 --by ada --why rested",
    "closedloop drop-block {played} --day 0 --by ada --why tired",
    "closedloop exclude {done} --site 0 --from fit --by ada --why dead",
    "closedloop include {done} --site 0 --from fit --by ada --why alive",
    "closedloop close-day {stopped} --day 0 --why tired",
    "closedloop reopen-day {stopped} --day 0 --why rested",
    "closedloop verify {done}",
    "closedloop replay {done} --out new",
    "closedloop report {done}",
    "closedloop plan {done} --day 1 --out new.html",
    "closedloop doctor",
    "closedloop recording info {made}",
    "closedloop recording detect {made}/array1.ns6 --out new.h5 --workers 2",
    "closedloop recording events {made}/array1.nev --out new.csv",
    "closedloop recording align {made}/journal.jsonl {made}/array1.nev {made}/array1.ns6 --report new.html",
    "closedloop recording make new --seconds 5",
    "closedloop recording waveforms {made}/array1.nev --out new.h5 --report new.html",
    "closedloop recording samples {made}/array1.ns6 --out new.parquet",
    "closedloop recording codes {made}/array1.nev --out new.csv",
    "closedloop recording map {map} --out new.html",
    "closedloop recording light {flashes} --edges {edges} --out new.json",
    "closedloop base-model train new.safetensors",
    "closedloop base-model layers {two_days}",
    "closedloop base-model check {two_days} --write new.safetensors",
    "closedloop base-model import {weights} --out new.safetensors --labelled-images {photographs}",
    "closedloop model export {done} --out new",
    "closedloop model check {exported}",
    "closedloop import responses {responses} --study {fresh} --image-folder {photographs} --by ada --why before",
    "closedloop import recording-day {shown} {done}/day-00/recording --study {unshown} --refresh 60 --why before",
    "closedloop export responses {done} --out new",
    "closedloop export brainscore {done} --out new",
    "closedloop export nwb {done} --day 0 --out new",
    "closedloop analyse {responses} --out new",
    "closedloop sweep {one_day} --subjects 2 --out new --workers 2",
    "closedloop studies unit-sensitivity --network small_resnet_vanilla:layer3.0 --units 2 --images-per-unit 2"
    " --clean-images 8 --restarts 1 --steps 2 --epsilons 1 --out new --workers 2",
    "closedloop studies coverage --experiments 2 --repetitions 2 --sites 6 --images-per-site 2 --anchors 6 --out new"
    " --workers 2",
    "closedloop studies recipe --recipe paper --days 2 --sites 2 --out new --workers 2",
    "closedloop studies category-preference --study {done} --out new --workers 2",
    "closedloop studies image-sensitivity --study {done} --shams 20 --out new --workers 2",
    "closedloop studies population --study {done} --out new --workers 2",
    "closedloop studies discrimination --clean-images 5 --epsilon 5 --subjects 2 --sessions 1 --checks 2 --out new"
    " --workers 2",
    "closedloop discrimination prepare new --clean-images 2 --epsilon 10 --images-a-session 2 --sessions 2 --workers 2",
    "closedloop discrimination serve {experiment}",  # of nobody: refused; test_page.py serves one
    "closedloop discrimination import {experiment} {experiment}/journals/O01-0001.jsonl",
    "closedloop discrimination plan",
    "closedloop studies response-geometry --network small_resnet_vanilla:layer3.0 --units 3 --images-per-unit 1"
    " --clean-images 8 --simulated-sites 2 --out new --workers 2",
    "closedloop studies purification --data {photographs} --train 64 --test 2 --epochs 1 --recalls 2 --no-sites"
    " --out new --workers 2",
    "closedloop studies screening --network small_resnet_vanilla:fc --clean-images 60 --attacked-images 4"
    " --repetitions 2 --out new --workers 2",
    "closedloop base-model train-family --epsilons 0,1 --epochs 1 --images-per-epoch 128 --out new --workers 2",
    "closedloop attack small_resnet_vanilla {photographs}/0 --out new --layer layer3.0 --outputs 0 --epsilon 1"
    " --steps 2 --workers 2",
    "rig check {done}/day-00/schedule",
    "rig present {done}/day-00/schedule --display headless --out new",
    "rig rehearse {done}/day-00/schedule --out new --panel none",
    "rig tell {done}/day-00/schedule status",
    "rig init new.yaml --name r --screen 0 --width-px 800 --height-px 600 --refresh-hz 60 --width-cm 40"
    " --distance-cm 57 --operator-screen none --photodiode none --codes none --gaze mouse --recorder none"
    " --recorder-folder none --gaze-calibrated none --luminance-measured none",
    "rig devices",
    "rig train new --simulated --subject m --display headless --minutes 1",
    "rig discriminate {experiment} --display headless --subject S1 --session 2",
    "rig calibrate gaze --rig {rig} --display headless",
    "rig calibrate photodiode --rig {rig} --latency-ms 25 --jitter-ms 0.5 --n 100",
    "rig calibrate valve --rig {rig} --from {weights_of_water}",
    "rig calibrate gamma --rig {rig} --from {luminances}",
    "rig firmware test {board}",
)
BY_DASK = (
    "closedloop dry-run new --protocol smoke --workers dask:1",
    "closedloop recording detect {made}/array1.ns6 --out new.h5 --workers dask:1",
    "closedloop studies unit-sensitivity --network small_resnet_vanilla:layer3.0 --units 2 --images-per-unit 2"
    " --clean-images 8 --restarts 1 --steps 2 --epsilons 1 --out new --workers dask:1",
    "closedloop studies coverage --experiments 2 --repetitions 2 --sites 6 --images-per-site 2 --anchors 6 --out new"
    " --workers dask:1",
    "closedloop attack small_resnet_vanilla {photographs}/0 --out new --layer layer3.0 --outputs 0 --epsilon 1"
    " --steps 2 --workers dask:1",
)
