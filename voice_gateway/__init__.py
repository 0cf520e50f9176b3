"""One call: sound in and out, turn taking, barge-in, playback, and what a gateway may do alone."""
