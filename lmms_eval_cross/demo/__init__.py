"""cross_demo: twelve invented samples with drawn pictures and two recorded models, to try the plugin without CROSS."""
