//! Both processes die at once, at every step between a knock and the door's closing (CMD-7, ONCE-6).
