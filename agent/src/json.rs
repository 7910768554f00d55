//! JSON values to Python objects and back, without running Python code.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use serde_json::{Map, Number, Value};

pub fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(value) => PyBool::new(py, *value).to_owned().into_any(),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(value), _) => value.into_pyobject(py)?.into_any(),
            (None, Some(value)) => value.into_pyobject(py)?.into_any(),
            (None, None) => PyFloat::new(py, number.as_f64().unwrap_or(f64::NAN)).into_any(),
        },
        Value::String(value) => PyString::new(py, value).into_any(),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(to_python(py, item)?)?;
            }
            list.into_any()
        }
        Value::Object(entries) => {
            let dict = PyDict::new(py);
            for (key, item) in entries {
                dict.set_item(key, to_python(py, item)?)?;
            }
            dict.into_any()
        }
    })
}

pub fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    if value.is_none() {
        Ok(Value::Null)
    } else if let Ok(value) = value.cast::<PyBool>() {
        Ok(Value::Bool(value.is_true()))
    } else if value.cast::<PyInt>().is_ok() {
        match value.extract::<i64>() {
            Ok(number) => Ok(Value::Number(number.into())),
            Err(_) => Ok(Value::Number(value.extract::<u64>()?.into())),
        }
    } else if let Ok(value) = value.cast::<PyFloat>() {
        Ok(Number::from_f64(value.value()).map_or(Value::Null, Value::Number))
    } else if let Ok(value) = value.cast::<PyString>() {
        Ok(Value::String(value.to_string_lossy().into_owned()))
    } else if let Ok(items) = value.cast::<PyList>() {
        items.iter().map(|item| from_python(&item)).collect::<PyResult<_>>().map(Value::Array)
    } else if let Ok(items) = value.cast::<PyTuple>() {
        items.iter().map(|item| from_python(&item)).collect::<PyResult<_>>().map(Value::Array)
    } else if let Ok(entries) = value.cast::<PyDict>() {
        let mut map = Map::new();
        for (key, item) in entries.iter() {
            map.insert(key.cast::<PyString>()?.to_string_lossy().into_owned(), from_python(&item)?);
        }
        Ok(Value::Object(map))
    } else {
        Err(PyTypeError::new_err(format!("no JSON for {}", value.get_type().name()?)))
    }
}
