"""The programs and peers that end-to-end tests are made of."""
