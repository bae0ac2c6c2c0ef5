import MerkleLog
