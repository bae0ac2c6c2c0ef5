import CCurl
import Hummingbird
