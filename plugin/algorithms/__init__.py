"""The Processing provider and its algorithms: parameters in, a request to the backend, layers out."""
