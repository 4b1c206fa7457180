# Functions of the program that tests/sim/order_probe.c and names_probe.c stand in front of, in each
# program with tests/sim.
set(SIMULATION_PROBES LINKER:--wrap=encoder_encode LINKER:--wrap=subscription_sent
    LINKER:--wrap=subscription_skip LINKER:--wrap=subscription_jump
    LINKER:--wrap=resolver_lookup LINKER:--wrap=ares_channel_query)
