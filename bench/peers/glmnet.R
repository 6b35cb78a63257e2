# One timed call of glmnet on files that bench/peers/linear.py wrote: Rscript glmnet.R FOLDER FAMILY ALPHA THRESH INTERCEPT
# Strengths are in FOLDER/lambdas, coefficients go to FOLDER/glmnet.coef (f64, a column a strength). Prints elapsed and user seconds.
suppressMessages({library(Matrix); library(glmnet)})
a <- commandArgs(TRUE)
folder <- a[1]
meta <- scan(file.path(folder, "meta"), quiet = TRUE)
numbers <- function(name, n) readBin(file.path(folder, name), "double", n = n)
whole <- function(name, n) readBin(file.path(folder, name), "integer", n = n, size = 4)
y <- numbers("y", meta[1])
x <- if (meta[3] > 0) {
  new("dgCMatrix", p = whole("indptr32", meta[2] + 1), i = whole("indices", meta[3]), x = numbers("values", meta[3]), Dim = as.integer(meta[1:2]))
} else {
  matrix(numbers("values", meta[1] * meta[2]), meta[1], meta[2])
}
lambdas <- scan(file.path(folder, "lambdas"), quiet = TRUE)
if (a[2] == "binomial") y <- factor(y)
time <- system.time(fit <- glmnet(x, y, family = a[2], lambda = lambdas, alpha = as.numeric(a[3]), thresh = as.numeric(a[4]),
                                  intercept = a[5] == "true", standardize = FALSE, maxit = 1e7))
writeBin(as.numeric(rbind(as.matrix(fit$beta), fit$a0)), file.path(folder, "glmnet.coef"))
cat(time[["elapsed"]], time[["user.self"]], "\n")
