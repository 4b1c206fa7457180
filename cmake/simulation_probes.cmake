# Functions of the hub that tests/sim/order_probe.c stands in front of, in each program with tests/sim.
set(SIMULATION_PROBES LINKER:--wrap=encoder_encode LINKER:--wrap=subscription_sent
    LINKER:--wrap=subscription_skip LINKER:--wrap=subscription_jump)
