"""`vestnik demo`: see the whole of it work, on engines that come with the package."""
