import flask_slipway

namespace = flask_slipway.remote()
