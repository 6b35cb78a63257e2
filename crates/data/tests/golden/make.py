"""The files beside this one, by NumPy and SciPy: python make.py (needs numpy, scipy)."""
import numpy as np
import scipy.sparse as sp

a = np.array([[0.5, 0, 2], [0, -1, 0]], "f4")
for order, dtype in [("C", "<f4"), ("F", "<f8"), ("C", ">f8"), ("F", ">f4"), ("C", "<f2"), ("F", ">i4"), ("C", "<i8"), ("C", "i1")]:
    name = dtype.replace("<", "little-").replace(">", "big-")
    np.save(f"{order}-{name}.npy", np.asarray(a * 2, dtype=dtype, order=order))
np.save("pickle.npy", np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
m = sp.csr_matrix(a)
sp.save_npz("csr.npz", m)
sp.save_npz("csc.npz", m.tocsc(), compressed=False)
sp.save_npz("coo.npz", m.tocoo())
sp.save_npz("bsr.npz", m.tobsr())
wide = sp.csr_matrix(a)
wide.indices, wide.indptr = wide.indices.astype("i8"), wide.indptr.astype("i8")
np.savez("wide.npz", format=b"csr", shape=np.array(wide.shape), data=wide.data.astype("f8"), indices=wide.indices, indptr=wide.indptr, y=np.array(["dog", "cat"]))
np.savez_compressed("arrays.npz", X=a, y=np.array([3, 7]), other=np.zeros(4))
